-- Roles, extensions and the functions that later files lean on.
--
-- Roles belong to the cluster, not to the database, so several databases of one cluster share them. They cannot log in:
-- each pool signs in with DATABASE_URL and takes its role in the startup packet (see src/persistence/Database.ts).
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['dropmate_app', 'dropmate_writer', 'dropmate_jobs', 'dropmate_cluster'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database of this cluster is being migrated at the same moment
      END;
    END IF;
    IF NOT pg_has_role(current_user, wanted, 'SET') THEN -- PostgreSQL 16: whoever made a role is a member, yet may not SET it
      EXECUTE format('GRANT %I TO %I', wanted, current_user);
    END IF;
  END LOOP;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO dropmate_app, dropmate_writer, dropmate_jobs;

-- Which nodes share the shipments and who holds what; the library that does it makes its tables here by itself. No data of ours.
CREATE SCHEMA dropmate_cluster;
GRANT USAGE, CREATE ON SCHEMA dropmate_cluster TO dropmate_cluster;

CREATE TYPE user_role AS ENUM ('customer', 'driver', 'admin');

-- Where people reach us: what a message, an impression or a thread came through.
CREATE TYPE message_channel AS ENUM ('web', 'app', 'wechat');

-- Of everything that runs late: queued jobs, schedules, reports.
CREATE TYPE job_status AS ENUM ('queued', 'running', 'succeeded', 'failed', 'dead', 'discarded');

-- Metres between two places in degrees, on the sphere that src/domain/Geo.ts uses (haversine, mean earth radius).
CREATE FUNCTION great_circle_m(lat1 double precision, lng1 double precision, lat2 double precision, lng2 double precision)
  RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT 2 * 6371008.8 * asin(least(1, sqrt(
    sin(radians(lat2 - lat1) / 2) ^ 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lng2 - lng1) / 2) ^ 2)))
$$;

-- Keeps updated_at and the version that ETag and If-Match speak of.
CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  NEW.version := OLD.version + 1;
  RETURN NEW;
END
$$;
