@echo off
rem Sets up Voicewright if needed, then starts it. Options go to the app: run-app.bat --help
setlocal
call "%~dp0run-install.bat"
if errorlevel 1 exit /b 1
"%~dp0.venv\Scripts\python.exe" "%~dp0app.py" %*
exit /b %errorlevel%
