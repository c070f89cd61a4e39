export { getFreePort } from "../../demo/free-port";
