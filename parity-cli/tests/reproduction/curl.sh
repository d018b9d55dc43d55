#!/bin/sh
# v2-score/main-alice
curl --silent --show-error --include --path-as-is --globoff --request 'GET' "${BACKEND:-http://127.0.0.1:8080}"'/v2/stamps/1/score/0xc9c46882915370c8d324505cd88cde3e7caf2b4a' \
  --header 'X-API-Key: Ga52435d.8f81d16d8ede1b6bb653d3705632d982'
