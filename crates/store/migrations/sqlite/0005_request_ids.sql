-- The key service's own id of a call: its log is paired with the ledger by it.
ALTER TABLE attempt ADD COLUMN request_id TEXT CHECK (length(request_id) > 0);
CREATE INDEX attempt_by_request ON attempt (signer_key, request_id) WHERE request_id IS NOT NULL;
