-- Which server asked for a signature: what a server that is gone left open is nobody's any more.
ALTER TABLE attempt ADD COLUMN replica TEXT;
