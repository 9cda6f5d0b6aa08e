-- Rings from the node of a Cluster that has the key: PUBLISH by itself goes out from any node, and two rings that take
-- different ways through the Cluster may overtake each other.
-- KEYS[1]: a key of ours. ARGV[1]: the channel. ARGV[2]: JSON.
-- Returns how many heard it on that node.
return redis.call('PUBLISH', ARGV[1], ARGV[2])
