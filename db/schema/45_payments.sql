-- What is paid for an order, by whose answer, and what is given back.

CREATE TYPE payment_status AS ENUM ('pending', 'authorized', 'settled', 'failed', 'refunded');

-- One current row for an order; how it came to be so is in payment_attempts.
CREATE TABLE payments (
  id                 uuid PRIMARY KEY,
  order_id           uuid NOT NULL CONSTRAINT payments_order_key UNIQUE REFERENCES orders ON DELETE RESTRICT,
  status             payment_status NOT NULL DEFAULT 'pending',
  processor          text NOT NULL CHECK (processor IN ('sandbox', 'stripe')),
  processor_ref      text CHECK (length(processor_ref) BETWEEN 1 AND 255),
  amount             numeric(12,2) NOT NULL CONSTRAINT payments_amount_not_negative CHECK (amount >= 0),
  settled_amount     numeric(12,2) NOT NULL DEFAULT 0,
  refunded_amount    numeric(12,2) NOT NULL DEFAULT 0,
  currency           char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  idempotency_key_id uuid REFERENCES idempotency_keys ON DELETE SET NULL,
  failure_code       text CHECK (length(failure_code) BETWEEN 1 AND 100),
  follow_at          timestamptz,
  version            bigint NOT NULL DEFAULT 1,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payments_settled_within CHECK (settled_amount BETWEEN 0 AND amount),
  CONSTRAINT payments_refunded_within CHECK (refunded_amount BETWEEN 0 AND settled_amount),
  CONSTRAINT payments_settled_status CHECK (settled_amount = 0 OR status IN ('settled', 'refunded')),
  CONSTRAINT payments_failure CHECK (failure_code IS NULL OR status = 'failed')
);
COMMENT ON COLUMN payments.refunded_amount IS 'sum of the refunds that were made or are under way; kept by their trigger';
COMMENT ON COLUMN payments.follow_at IS 'since when it is to be looked at what follows from the order''s state: a capture, a void, a refund';
CREATE UNIQUE INDEX payments_processor_key ON payments (processor, processor_ref) WHERE processor_ref IS NOT NULL;
CREATE INDEX payments_status ON payments (status, created_at DESC);
CREATE INDEX payments_idempotency_key ON payments (idempotency_key_id) WHERE idempotency_key_id IS NOT NULL;
CREATE INDEX payments_follow ON payments (follow_at) WHERE follow_at IS NOT NULL;
CREATE TRIGGER payments_touch BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION touch_row();

-- What was asked of the processor and what it said; `unknown` when it did not answer. Rows are only added.
CREATE TABLE payment_attempts (
  payment_id    uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
  attempt_no    integer NOT NULL CHECK (attempt_no >= 1),
  operation     text NOT NULL CHECK (operation IN ('authorize', 'capture', 'void', 'refund', 'inquire')),
  outcome       text NOT NULL CHECK (outcome IN ('succeeded', 'declined', 'failed', 'unknown')),
  amount        numeric(12,2) NOT NULL CHECK (amount >= 0),
  processor_ref text CHECK (length(processor_ref) BETWEEN 1 AND 255),
  error_code    text CHECK (length(error_code) BETWEEN 1 AND 100),
  request_id    text CHECK (length(request_id) <= 200),
  attempted_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (payment_id, attempt_no),
  CONSTRAINT payment_attempts_error CHECK ((error_code IS NULL) = (outcome = 'succeeded'))
);

CREATE TABLE refunds (
  id            uuid PRIMARY KEY,
  payment_id    uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
  status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed')),
  amount        numeric(12,2) NOT NULL CONSTRAINT refunds_amount_positive CHECK (amount > 0),
  reason        text CHECK (length(reason) <= 500),
  processor_ref text CHECK (length(processor_ref) BETWEEN 1 AND 255),
  requested_by  uuid REFERENCES users ON DELETE SET NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refunds_payment ON refunds (payment_id, created_at);

-- What is asked of the processor, kept before it is asked. Without an outcome it is under way: whoever holds the claim carries it
-- out, and when the claim ends without one, the next one asks the processor what became of it (ADR 0100).
CREATE TABLE payment_operations (
  id            uuid PRIMARY KEY,
  payment_id    uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
  operation_no  integer NOT NULL CHECK (operation_no >= 1),
  operation     text NOT NULL CHECK (operation IN ('authorize', 'capture', 'void', 'refund')),
  refund_id     uuid CONSTRAINT payment_operations_refund_key UNIQUE REFERENCES refunds ON DELETE RESTRICT,
  processor     text NOT NULL CHECK (processor IN ('sandbox', 'stripe')),
  processor_ref text CHECK (length(processor_ref) BETWEEN 1 AND 255),
  amount        numeric(12,2) NOT NULL CHECK (amount >= 0),
  outcome       text CHECK (outcome IN ('succeeded', 'declined', 'failed')),
  claims        integer NOT NULL DEFAULT 1 CHECK (claims >= 0),
  claimed_until timestamptz,
  due_at        timestamptz,
  actor_kind    text NOT NULL CHECK (actor_kind IN ('customer', 'driver', 'dispatcher', 'admin', 'system')),
  actor_id      uuid,
  cause         text NOT NULL CHECK (length(cause) BETWEEN 1 AND 200),
  created_at    timestamptz NOT NULL DEFAULT now(),
  ended_at      timestamptz,
  CONSTRAINT payment_operations_key UNIQUE (payment_id, operation_no),
  CONSTRAINT payment_operations_of_refund CHECK ((operation = 'refund') = (refund_id IS NOT NULL)),
  CONSTRAINT payment_operations_due CHECK ((due_at IS NULL) = (outcome IS NOT NULL)),
  CONSTRAINT payment_operations_ended CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
COMMENT ON COLUMN payment_operations.claims IS 'counts the claims: an outcome is kept only by whoever holds the newest one';
-- One thing at a time for a payment; refunds are kept apart by their sum.
CREATE UNIQUE INDEX payment_operations_open ON payment_operations (payment_id) WHERE outcome IS NULL AND operation <> 'refund';
CREATE INDEX payment_operations_waiting ON payment_operations (due_at) WHERE outcome IS NULL;

-- The payment's row lock puts refunds of one payment in a line, and its CHECK refuses the one too many: two at once cannot
-- both find the money still there.
CREATE FUNCTION count_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before numeric := 0;
  after numeric := 0;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.payment_id <> OLD.payment_id OR NEW.amount <> OLD.amount THEN
      RAISE check_violation USING MESSAGE = 'a refund keeps its payment and its amount', CONSTRAINT = 'refunds_fixed';
    END IF;
    IF OLD.status <> 'failed' THEN
      before := OLD.amount;
    END IF;
    NEW.updated_at := now();
  END IF;
  IF NEW.status <> 'failed' THEN
    after := NEW.amount;
  END IF;
  IF before <> after THEN
    UPDATE payments SET refunded_amount = refunded_amount + after - before WHERE id = NEW.payment_id;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER refunds_count BEFORE INSERT OR UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION count_refund();

-- An order that ends says so to its payment in its own transaction, whoever ended it: what follows is carried out later and never
-- forgotten. As the owner, since the driver who delivers may not see the payment.
CREATE FUNCTION announce_order_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE payments SET follow_at = now() WHERE order_id = NEW.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER orders_announce_end AFTER UPDATE OF status ON orders FOR EACH ROW
  WHEN (OLD.status <> NEW.status AND NEW.status IN ('fulfilled', 'cancelled')) EXECUTE FUNCTION announce_order_end();

GRANT SELECT, INSERT, UPDATE ON payments, payment_operations, refunds TO dropmate_app;
GRANT SELECT, INSERT ON payment_attempts TO dropmate_app;
GRANT SELECT ON payments, payment_attempts, payment_operations, refunds TO dropmate_jobs;
