-- What a server that is gone left on its way is looked for while others go on issuing.
CREATE INDEX certificate_open ON certificate (created_at) WHERE state IN ('intended', 'linted');
