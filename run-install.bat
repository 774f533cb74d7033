@echo off
rem Sets up Voicewright in .venv beside this file. Safe to run again, from any folder. The work is in setup\install.py.
setlocal
set PYTHON=
call :try "%~dp0.venv\Scripts\python.exe"
if not defined PYTHON call :try py -3.13
if not defined PYTHON call :try py -3.12
if not defined PYTHON call :try py -3.11
if not defined PYTHON call :try python
if not defined PYTHON goto none
%PYTHON% "%~dp0setup\install.py" %*
exit /b %errorlevel%

:none
echo Voicewright needs Python 3.11, 3.12 or 3.13, and none is here: install one and run this again. 1>&2
exit /b 1

:try
%* -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" >nul 2>nul && set PYTHON=%*
exit /b 0
