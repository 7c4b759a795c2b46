URL=${URL:-http://127.0.0.1:8080}
post() { curl -sS --fail-with-body "$URL$1" -H "authorization: Bearer $2" -H 'content-type: application/json' -d "$3"; }
first() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d '"' -f 4; }

# Staff: something to sell, and somebody to bring it.
STAFF=$(post /v1/auth/login '' '{"email":"'"$ADMIN_EMAIL"'","password":"'"$ADMIN_PASSWORD"'"}' | first access_token)
PRODUCT=$(post /v1/products $STAFF '{"name":"Tulips","price":{"amount":1250,"currency":"EUR"},"stock":10}' | first id)
DRIVER=$(post /v1/drivers $STAFF '{"email":"ada@example.org","name":"Ada","password":"drive carefully"}' | first id)

# A customer registers and orders.
GRACE='"email":"grace@example.org","password":"a bunch of tulips"'
post /v1/auth/register '' "{$GRACE,\"name\":\"Grace\"}" > /dev/null
CUSTOMER=$(post /v1/auth/login '' "{$GRACE}" | first access_token)
ORDER=$(post /v1/orders $CUSTOMER '{"channel":"web","submit":true,"items":[{"product_id":"'$PRODUCT'","quantity":1}],
  "pickup":{"line1":"Flower shop","lat":52.52,"lng":13.405},
  "delivery_address":{"line1":"Lindenstrasse 1","city":"Berlin","country":"DE","lat":52.522,"lng":13.405}}' | first id)

# Staff: confirm it, give it to the driver, and make a link for the customer.
SHIPMENT=$(post /v1/orders/$ORDER/confirm $STAFF '{}' | first shipment_id)
post /v1/shipments/$SHIPMENT/assign $STAFF '{"driver_id":"'$DRIVER'"}' > /dev/null
post /v1/orders/$ORDER/tracking-sessions $CUSTOMER '{}' | first url
