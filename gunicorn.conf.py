"""What gunicorn does not believe of a request: read at each start from the working folder, beside the command line."""

# No header of a request says where the site stands (SCRIPT_NAME, PATH_INFO), whoever hands it over; what the proxies
# say of the caller and of its scheme is read in one place, by the application (TRUSTED_PROXIES, X-Forwarded-Proto).
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
forwarded_allow_ips = ""
proxy_protocol = False
# X_Forwarded_For would be read as X-Forwarded-For: a name with an underscore is no name of ours, and goes.
header_map = "drop"
