/**
 * What `npm test` starts once for all its suites: one PostgreSQL and one real Keystone, told to the parent
 * as a message, and kept until the parent hangs up or ends.
 */
import process from "node:process";
import { startTestServers } from "./test-servers";

const { stop, ...servers } = await startTestServers();
process.once("disconnect", stop);
process.send?.(servers);
