-- Drivers, what they drive, the phones they carry and the sessions of those phones.

CREATE TABLE vehicles (
  id          uuid PRIMARY KEY,
  type        text NOT NULL CHECK (type IN ('bicycle', 'scooter', 'motorbike', 'car', 'van', 'truck', 'foot')),
  plate       text CHECK (length(plate) BETWEEN 1 AND 20),
  colour      text CHECK (length(colour) BETWEEN 1 AND 40),
  capacity    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(capacity) = 'object'),
  version     bigint NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  deleted_at  timestamptz
);
CREATE UNIQUE INDEX vehicles_plate_key ON vehicles (plate) WHERE deleted_at IS NULL;
CREATE TRIGGER vehicles_touch BEFORE UPDATE ON vehicles FOR EACH ROW EXECUTE FUNCTION touch_row();

CREATE TABLE drivers (
  id                uuid PRIMARY KEY,
  user_id           uuid NOT NULL REFERENCES users ON DELETE RESTRICT,
  employment_status text NOT NULL DEFAULT 'active' CHECK (employment_status IN ('invited', 'active', 'suspended', 'terminated')),
  compliance_flags  jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(compliance_flags) = 'object'),
  duty              text CHECK (duty IN ('on', 'off', 'break')),
  duty_changed_at   timestamptz,
  version           bigint NOT NULL DEFAULT 1,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  deleted_at        timestamptz,
  CHECK ((duty IS NULL) = (duty_changed_at IS NULL))
);
CREATE UNIQUE INDEX drivers_user_key ON drivers (user_id) WHERE deleted_at IS NULL;
CREATE TRIGGER drivers_touch BEFORE UPDATE ON drivers FOR EACH ROW EXECUTE FUNCTION touch_row();

CREATE TABLE driver_profiles (
  driver_id          uuid PRIMARY KEY REFERENCES drivers ON DELETE CASCADE,
  vehicle_id         uuid REFERENCES vehicles ON DELETE SET NULL,
  vehicle_preference text CHECK (length(vehicle_preference) <= 40),
  license            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(license) = 'object'),
  service_region     jsonb CHECK (service_region ->> 'type' IN ('Polygon', 'MultiPolygon')),
  version            bigint NOT NULL DEFAULT 1,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER driver_profiles_touch BEFORE UPDATE ON driver_profiles FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE INDEX driver_profiles_vehicle ON driver_profiles (vehicle_id) WHERE vehicle_id IS NOT NULL;

-- device_no is the small number that telemetry rows carry instead of the phone's own identifier. It counts from 1 for each
-- driver; 0 stands for rows that no device sent.
CREATE TABLE driver_devices (
  id                uuid PRIMARY KEY,
  driver_id         uuid NOT NULL REFERENCES drivers ON DELETE CASCADE,
  device_no         integer NOT NULL CHECK (device_no >= 1),
  platform          text NOT NULL CHECK (platform IN ('ios', 'android', 'web', 'other')),
  device_identifier text NOT NULL CHECK (length(device_identifier) BETWEEN 1 AND 128),
  push_token        text CHECK (length(push_token) <= 4096),
  created_at        timestamptz NOT NULL DEFAULT now(),
  last_seen_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (driver_id, platform, device_identifier),
  UNIQUE (driver_id, device_identifier),
  UNIQUE (driver_id, device_no)
);

CREATE TABLE driver_sessions (
  id                          uuid PRIMARY KEY,
  driver_id                   uuid NOT NULL REFERENCES drivers ON DELETE CASCADE,
  device_id                   uuid NOT NULL REFERENCES driver_devices ON DELETE CASCADE,
  app_version                 text CHECK (length(app_version) <= 64),
  capabilities                text[] NOT NULL DEFAULT '{}',
  background_location_enabled boolean,
  node                        text NOT NULL,
  started_at                  timestamptz NOT NULL DEFAULT now(),
  last_seen                   timestamptz NOT NULL DEFAULT now(),
  ended_at                    timestamptz,
  end_code                    integer
);
CREATE INDEX driver_sessions_last_seen ON driver_sessions (driver_id, last_seen DESC);
CREATE INDEX driver_sessions_open ON driver_sessions (last_seen) WHERE ended_at IS NULL;

-- When a driver went on duty, off duty or on a break, by the phone's event time. A backlog that arrives later is judged by
-- it: a point recorded off duty is settled without keeping where it was.
CREATE TABLE driver_duty_changes (
  driver_id   uuid NOT NULL REFERENCES drivers ON DELETE CASCADE,
  command_id  uuid NOT NULL,
  duty        text NOT NULL CHECK (duty IN ('on', 'off', 'break')),
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (driver_id, command_id)
);
CREATE INDEX driver_duty_changes_occurred ON driver_duty_changes (driver_id, occurred_at);

-- A phone's commands and the one answer that each has, kept 30 days, so that an offline log can be sent again.
CREATE TABLE driver_commands (
  driver_id   uuid NOT NULL REFERENCES drivers ON DELETE CASCADE,
  command_id  uuid NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('duty', 'offer_reply', 'task')),
  fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  ok          boolean NOT NULL,
  detail      jsonb,
  occurred_at timestamptz NOT NULL,
  decided_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (driver_id, command_id)
);
CREATE INDEX driver_commands_decided ON driver_commands (decided_at);

GRANT SELECT, INSERT, UPDATE ON vehicles, drivers, driver_profiles, driver_devices, driver_sessions TO dropmate_app;
GRANT DELETE ON driver_devices TO dropmate_app;
GRANT SELECT, INSERT ON driver_duty_changes, driver_commands TO dropmate_app;
GRANT SELECT ON drivers, driver_devices, driver_sessions TO dropmate_writer;
GRANT INSERT ON driver_devices, driver_sessions TO dropmate_writer;
GRANT UPDATE ON driver_devices, driver_sessions TO dropmate_writer;
GRANT SELECT ON vehicles, drivers, driver_profiles, driver_devices, driver_sessions TO dropmate_jobs;
GRANT UPDATE ON driver_sessions TO dropmate_jobs;
GRANT SELECT, DELETE ON driver_commands, driver_duty_changes TO dropmate_jobs;
