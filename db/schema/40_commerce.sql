-- Commerce: what can be bought, where it goes, and the orders with what they cost.

CREATE TYPE order_status AS ENUM ('draft', 'submitted', 'confirmed', 'fulfilled', 'cancelled');
CREATE TYPE order_channel AS ENUM ('web', 'app', 'wechat');

-- NUMERIC(12,2) in the database; the API speaks integer minor units (ADR 0051).
CREATE TABLE products (
  id          uuid PRIMARY KEY,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  description text CHECK (length(description) <= 2000),
  price       numeric(12,2) NOT NULL CHECK (price >= 0),
  currency    char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  stock       integer NOT NULL CONSTRAINT products_stock_not_negative CHECK (stock >= 0),
  version     bigint NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  deleted_at  timestamptz
);
CREATE TRIGGER products_touch BEFORE UPDATE ON products FOR EACH ROW EXECUTE FUNCTION touch_row();

-- customer_id is NULL for the address of a guest's order. A row that an order refers to never changes: editing a used address
-- leaves the old row, hidden, to the orders (AddressRepo.update).
CREATE TABLE delivery_addresses (
  id           uuid PRIMARY KEY,
  customer_id  uuid REFERENCES customers ON DELETE RESTRICT,
  label        text CHECK (length(label) BETWEEN 1 AND 60),
  line1        text NOT NULL CHECK (length(line1) BETWEEN 1 AND 200),
  line2        text CHECK (length(line2) <= 200),
  city         text NOT NULL CHECK (length(city) BETWEEN 1 AND 100),
  region       text CHECK (length(region) <= 100),
  postal_code  text CHECK (length(postal_code) <= 20),
  country      char(2) NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
  lat          double precision NOT NULL CHECK (lat >= -90 AND lat <= 90),
  lng          double precision NOT NULL CHECK (lng >= -180 AND lng <= 180),
  instructions text CHECK (length(instructions) <= 500),
  version      bigint NOT NULL DEFAULT 1,
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  deleted_at   timestamptz
);
CREATE INDEX delivery_addresses_customer ON delivery_addresses (customer_id, id) WHERE deleted_at IS NULL;
CREATE TRIGGER delivery_addresses_touch BEFORE UPDATE ON delivery_addresses FOR EACH ROW EXECUTE FUNCTION touch_row();

-- last_event_no counts the events of an order, its shipment's included; it rises under the row's lock, in the transaction
-- of the event, so the numbers have the order of the commits and no holes.
CREATE TABLE orders (
  id                  uuid PRIMARY KEY,
  customer_id         uuid REFERENCES customers ON DELETE RESTRICT,
  placed_by           uuid REFERENCES users ON DELETE SET NULL,
  status              order_status NOT NULL,
  source_channel      order_channel NOT NULL,
  external_id         text CHECK (length(external_id) BETWEEN 1 AND 100),
  delivery_address_id uuid NOT NULL REFERENCES delivery_addresses ON DELETE RESTRICT,
  contact_name        text CHECK (length(contact_name) BETWEEN 1 AND 200),
  contact_phone       text CHECK (length(contact_phone) <= 32),
  contact_email       text CHECK (length(contact_email) <= 320),
  pickup_line1        text CHECK (length(pickup_line1) BETWEEN 1 AND 200),
  pickup_lat          double precision CHECK (pickup_lat >= -90 AND pickup_lat <= 90),
  pickup_lng          double precision CHECK (pickup_lng >= -180 AND pickup_lng <= 180),
  window_start        timestamptz,
  window_end          timestamptz,
  notes               text CHECK (length(notes) <= 500),
  delivery_requirements text[] CHECK (delivery_requirements <@ ARRAY['photo', 'signature', 'pin', 'barcode', 'note']),
  parcel_barcode      text CHECK (length(parcel_barcode) BETWEEN 1 AND 200),
  total               numeric(12,2) NOT NULL CHECK (total >= 0),
  currency            char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  event_epoch         integer NOT NULL DEFAULT 1,
  last_event_no       bigint NOT NULL DEFAULT 0 CHECK (last_event_no >= 0),
  version             bigint NOT NULL DEFAULT 1,
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now(),
  ended_at            timestamptz,
  CONSTRAINT orders_pickup_whole CHECK ((pickup_lat IS NULL) = (pickup_lng IS NULL) AND (pickup_line1 IS NULL OR pickup_lat IS NOT NULL)),
  CONSTRAINT orders_window_whole CHECK ((window_start IS NULL) = (window_end IS NULL) AND window_start < window_end),
  CONSTRAINT orders_ended CHECK ((ended_at IS NOT NULL) = (status IN ('fulfilled', 'cancelled')))
);
COMMENT ON COLUMN orders.ended_at IS 'when the order was fulfilled or cancelled, by the database clock';
COMMENT ON COLUMN orders.delivery_requirements IS 'how its delivery must be proved; NULL is the shop''s own rule (delivery.requirements)';
CREATE INDEX orders_customer_created ON orders (customer_id, created_at DESC);
CREATE INDEX orders_status_created ON orders (status, created_at DESC);
CREATE INDEX orders_ended ON orders (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX orders_delivery_address ON orders (delivery_address_id);
CREATE UNIQUE INDEX orders_external_id_key ON orders (placed_by, external_id) WHERE external_id IS NOT NULL;
-- Counting an event does not make the order another one: the version is what ETag speaks of.
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW
  WHEN (OLD.last_event_no = NEW.last_event_no OR OLD.status <> NEW.status) EXECUTE FUNCTION touch_row();

CREATE TABLE order_items (
  order_id   uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
  position   smallint NOT NULL CHECK (position >= 1),
  product_id uuid NOT NULL REFERENCES products ON DELETE RESTRICT,
  name       text NOT NULL,
  quantity   integer NOT NULL CHECK (quantity >= 1),
  unit_price numeric(12,2) NOT NULL CHECK (unit_price >= 0),
  PRIMARY KEY (order_id, position)
);
COMMENT ON COLUMN order_items.unit_price IS 'the price when the order was placed, in the order''s currency';
CREATE INDEX order_items_product ON order_items (product_id);

GRANT SELECT, INSERT, UPDATE ON products, delivery_addresses, orders TO dropmate_app;
GRANT SELECT, INSERT ON order_items TO dropmate_app;
GRANT SELECT ON products, delivery_addresses, orders, order_items TO dropmate_jobs;
