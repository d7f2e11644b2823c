"""GET /openapi.json: the API's description, made from the routes and from the tables that the requests are read by."""
