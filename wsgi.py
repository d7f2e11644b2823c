"""For WSGI servers: `gunicorn wsgi:app`, Passenger, mod_wsgi."""

from gpt2giga.factory import create_app
from gpt2giga.serving.current_settings import load_settings

application = app = create_app(load_settings(), behind_web_server=True)
