"""The Flask extensions of pages and commands.  ``create_app`` binds them; this module has no logic.

Workers and the scheduler do not load it: it and what uses it take a third of their memory.
"""

from flask_assets import Environment
from flask_login import LoginManager
from flask_wtf import CSRFProtect

login = LoginManager()
csrf = CSRFProtect()
assets = Environment()
