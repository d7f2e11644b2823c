"""For WSGI servers: `gunicorn wsgi:app`, Passenger, mod_wsgi."""

from gpt2giga.factory import create_app

application = app = create_app()
