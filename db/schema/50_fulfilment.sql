-- Fulfilment: shipments, who carries them, the stops on the way, the log that all of it follows from, and who may watch.

CREATE TYPE shipment_status AS ENUM ('created', 'dispatching', 'assigned', 'en_route_to_pickup', 'at_pickup', 'picked_up',
  'en_route', 'arrived', 'delivered', 'failed', 'returning', 'returned', 'cancelled');
CREATE TYPE assignment_status AS ENUM ('pending', 'accepted', 'en_route', 'arrived', 'delivered', 'handed_off', 'rejected',
  'expired', 'cancelled', 'failed', 'returned');
CREATE TYPE route_stop_type AS ENUM ('pickup', 'dropoff', 'break');
CREATE TYPE route_stop_status AS ENUM ('planned', 'en_route', 'arrived', 'completed', 'failed', 'skipped');

-- version counts the shipment's events and is what its compare-and-set compares; fencing_counter is the last token given out.
CREATE TABLE shipments (
  id                         uuid PRIMARY KEY,
  order_id                   uuid NOT NULL CONSTRAINT shipments_order_key UNIQUE REFERENCES orders ON DELETE RESTRICT,
  status                     shipment_status NOT NULL,
  version                    bigint NOT NULL CHECK (version >= 1),
  fencing_counter            bigint NOT NULL DEFAULT 0 CHECK (fencing_counter >= 0),
  is_picked_up               boolean NOT NULL DEFAULT false,
  promised_arrival_at        timestamptz,
  estimated_arrival_at       timestamptz,
  estimated_arrival_p90_at   timestamptz,
  estimated_at               timestamptz,
  courier_notes              text CHECK (length(courier_notes) <= 500),
  current_driver_location_id uuid REFERENCES drivers ON DELETE SET NULL,
  created_at                 timestamptz NOT NULL DEFAULT now(),
  updated_at                 timestamptz NOT NULL DEFAULT now(),
  ended_at                   timestamptz,
  CONSTRAINT shipments_estimate CHECK (num_nulls(estimated_arrival_at, estimated_arrival_p90_at, estimated_at) IN (0, 3)
    AND estimated_arrival_at <= estimated_arrival_p90_at)
);
COMMENT ON COLUMN shipments.promised_arrival_at IS 'the end of the window that the customer was promised; never moves';
COMMENT ON COLUMN shipments.estimated_arrival_at IS 'the committed ETA of the drive under way or done: as likely earlier as later; told as eta.changed (ADR 0076)';
COMMENT ON COLUMN shipments.estimated_arrival_p90_at IS 'nine times of ten earlier';
COMMENT ON COLUMN shipments.estimated_at IS 'when the estimate was made';
COMMENT ON COLUMN shipments.current_driver_location_id IS 'key of the row of active_driver_locations (its driver_id) that shows the parcel now';
COMMENT ON COLUMN shipments.is_picked_up IS 'the parcel has left its origin; a hand-off does not take that back';
CREATE INDEX shipments_status_promised ON shipments (status, promised_arrival_at);
CREATE INDEX shipments_current_driver_location ON shipments (current_driver_location_id);

CREATE SEQUENCE driver_tasks_version;

-- One row for each driver that a shipment was offered or given to; history stays. Reassigning closes a row and inserts the next
-- with a higher token (ADR 0052).
CREATE TABLE driver_assignments (
  id                uuid PRIMARY KEY,
  shipment_id       uuid NOT NULL REFERENCES shipments ON DELETE RESTRICT,
  driver_id         uuid REFERENCES drivers ON DELETE SET NULL,
  status            assignment_status NOT NULL,
  fencing_token     bigint NOT NULL CHECK (fencing_token >= 1),
  schedule_sequence integer NOT NULL DEFAULT 1 CHECK (schedule_sequence >= 1),
  assigned_at       timestamptz NOT NULL DEFAULT now(),
  accepted_at       timestamptz,
  ended_at          timestamptz,
  tasks_version     bigint NOT NULL DEFAULT nextval('driver_tasks_version'),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  CHECK ((ended_at IS NULL) = (status IN ('pending', 'accepted', 'en_route', 'arrived')))
);
COMMENT ON COLUMN driver_assignments.tasks_version IS 'rises with each change; the greatest of a driver is the version of their TASKS frame';
CREATE UNIQUE INDEX driver_assignments_carrier ON driver_assignments (shipment_id) WHERE status IN ('accepted', 'en_route', 'arrived');
CREATE UNIQUE INDEX driver_assignments_offered ON driver_assignments (shipment_id, driver_id) WHERE status = 'pending';
CREATE UNIQUE INDEX driver_assignments_token ON driver_assignments (shipment_id, fencing_token);
CREATE INDEX driver_assignments_load ON driver_assignments (driver_id, status) WHERE status IN ('pending', 'accepted', 'en_route', 'arrived', 'failed');
CREATE INDEX driver_assignments_tasks ON driver_assignments (driver_id, tasks_version DESC);

-- Every node that holds a socket of the driver sends TASKS again.
CREATE FUNCTION announce_driver_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    NEW.tasks_version := nextval('driver_tasks_version');
    NEW.updated_at := now();
  END IF;
  IF NEW.driver_id IS NOT NULL THEN
    PERFORM pg_notify('dropmate_tasks', NEW.driver_id::text);
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER driver_assignments_announce BEFORE INSERT OR UPDATE ON driver_assignments FOR EACH ROW EXECUTE FUNCTION announce_driver_tasks();

CREATE TYPE delivery_run_status AS ENUM ('planned', 'active', 'completed', 'cancelled');

-- Several shipments on one way: their stops are ordered within the run instead of within the shipment.
CREATE TABLE delivery_runs (
  id               uuid PRIMARY KEY,
  driver_id        uuid REFERENCES drivers ON DELETE SET NULL,
  vehicle_id       uuid REFERENCES vehicles ON DELETE SET NULL,
  status           delivery_run_status NOT NULL DEFAULT 'planned',
  name             text CHECK (length(name) BETWEEN 1 AND 100),
  planned_start_at timestamptz,
  started_at       timestamptz,
  ended_at         timestamptz,
  version          bigint NOT NULL DEFAULT 1,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT delivery_runs_ended CHECK ((ended_at IS NOT NULL) = (status IN ('completed', 'cancelled'))),
  CONSTRAINT delivery_runs_started CHECK (started_at IS NOT NULL OR status IN ('planned', 'cancelled')),
  CONSTRAINT delivery_runs_order CHECK (started_at <= ended_at)
);
CREATE UNIQUE INDEX delivery_runs_active ON delivery_runs (driver_id) WHERE status = 'active';
CREATE INDEX delivery_runs_vehicle ON delivery_runs (vehicle_id) WHERE vehicle_id IS NOT NULL;
CREATE INDEX delivery_runs_status ON delivery_runs (status, planned_start_at);
CREATE TRIGGER delivery_runs_touch BEFORE UPDATE ON delivery_runs FOR EACH ROW EXECUTE FUNCTION touch_row();

-- A break belongs to a run and has no shipment.
CREATE TABLE route_stops (
  id                    uuid PRIMARY KEY,
  shipment_id           uuid REFERENCES shipments ON DELETE CASCADE,
  run_id                uuid REFERENCES delivery_runs ON DELETE RESTRICT,
  stop_type             route_stop_type NOT NULL,
  position              integer NOT NULL CHECK (position >= 1),
  status                route_stop_status NOT NULL DEFAULT 'planned',
  lat                   double precision NOT NULL CHECK (lat >= -90 AND lat <= 90),
  lng                   double precision NOT NULL CHECK (lng >= -180 AND lng <= 180),
  address               text CHECK (length(address) <= 1000),
  window_start          timestamptz,
  window_end            timestamptz,
  expected_arrival_at   timestamptz,
  expected_departure_at timestamptz,
  requirements          text[] NOT NULL DEFAULT '{}',
  arrived_at            timestamptz,
  ended_at              timestamptz,
  updated_at            timestamptz NOT NULL DEFAULT now(),
  CHECK ((stop_type = 'break') = (shipment_id IS NULL)),
  CHECK (shipment_id IS NOT NULL OR run_id IS NOT NULL),
  CONSTRAINT route_stops_run_position UNIQUE (run_id, position) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX route_stops_shipment ON route_stops (shipment_id, position);

-- The log of an order and its shipment. Append-only; folding it gives their rows. By month of recording, since an offline
-- phone's event time may lie in a month that is closed (ADR 0050).
CREATE TABLE shipment_events (
  id          uuid NOT NULL,
  order_id    uuid NOT NULL REFERENCES orders ON DELETE RESTRICT,
  event_no    bigint NOT NULL CHECK (event_no >= 1),
  shipment_id uuid REFERENCES shipments ON DELETE RESTRICT,
  version     bigint CHECK (version >= 1),
  type        text NOT NULL CHECK (type ~ '^[a-z_]+\.[a-z_]+$'),
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  actor_kind  text NOT NULL CHECK (actor_kind IN ('customer', 'driver', 'dispatcher', 'admin', 'system')),
  actor_id    uuid,
  cause       text NOT NULL CHECK (length(cause) BETWEEN 1 AND 200),
  data        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
  CHECK ((shipment_id IS NULL) = (version IS NULL))
) PARTITION BY RANGE (recorded_at);
COMMENT ON COLUMN shipment_events.event_no IS 'the offset of the tracking stream: 1, 2, 3, ... within an order';
COMMENT ON COLUMN shipment_events.actor_id IS 'a driver''s id for a driver, else a user''s';
COMMENT ON COLUMN shipment_events.cause IS 'the request or command that it follows from';
CREATE UNIQUE INDEX shipment_events_order ON shipment_events (order_id, event_no, recorded_at);
CREATE INDEX shipment_events_shipment ON shipment_events (shipment_id, version) WHERE shipment_id IS NOT NULL;
CREATE UNIQUE INDEX shipment_events_id ON shipment_events (id, recorded_at);

SELECT ensure_month('shipment_events', (now() + make_interval(months => n))::date) FROM generate_series(-2, 2) AS n;

-- What is yet to be told to the outside: exactly one row for each event, since a trigger writes it.
CREATE TABLE outbox (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id    uuid NOT NULL UNIQUE,
  order_id    uuid NOT NULL,
  event_no    bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  relayed_at  timestamptz
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE relayed_at IS NULL;

CREATE FUNCTION announce_shipment_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO outbox (event_id, order_id, event_no, recorded_at) VALUES (NEW.id, NEW.order_id, NEW.event_no, NEW.recorded_at);
  -- Equal notices of one transaction are told once.
  PERFORM pg_notify('dropmate_orders', NEW.order_id::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER shipment_events_announce AFTER INSERT ON shipment_events FOR EACH ROW EXECUTE FUNCTION announce_shipment_event();

-- session_token is the SHA-256 of the token. The token itself is derived from the id, so that a replay can show it again.
CREATE TABLE tracking_sessions (
  id            uuid PRIMARY KEY,
  order_id      uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
  customer_id   uuid REFERENCES customers ON DELETE CASCADE,
  session_token bytea NOT NULL CHECK (octet_length(session_token) = 32),
  created_by    uuid REFERENCES users ON DELETE SET NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  revoked_at    timestamptz,
  CONSTRAINT tracking_sessions_order_token UNIQUE (order_id, session_token)
);
CREATE UNIQUE INDEX tracking_sessions_token ON tracking_sessions (session_token);
CREATE INDEX tracking_sessions_customer ON tracking_sessions (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX tracking_sessions_expires ON tracking_sessions (expires_at);

CREATE FUNCTION announce_revoked_tracking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('dropmate_tracking', NEW.id::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER tracking_sessions_announce AFTER UPDATE OF revoked_at ON tracking_sessions FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION announce_revoked_tracking();

GRANT SELECT, INSERT, UPDATE ON shipments, driver_assignments, delivery_runs, route_stops, tracking_sessions TO dropmate_app;
GRANT SELECT, INSERT ON shipment_events TO dropmate_app;
GRANT USAGE ON SEQUENCE driver_tasks_version TO dropmate_app;
GRANT SELECT ON shipments, driver_assignments, delivery_runs, route_stops, shipment_events, tracking_sessions TO dropmate_jobs;
GRANT SELECT, UPDATE, DELETE ON outbox TO dropmate_jobs;
GRANT DELETE ON tracking_sessions TO dropmate_jobs;
