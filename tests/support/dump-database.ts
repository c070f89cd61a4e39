export { dumpDatabase } from "../../demo/dump-database";
