-- A generation that nobody trusted any more when it was tainted must not be trusted again for it.
ALTER TABLE authority ADD COLUMN tainted_from TEXT
    CHECK (tainted_from IN ('pending', 'prepared', 'active', 'retiring', 'retired'));
