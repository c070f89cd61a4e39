/** Why an administrator has to help; kept with the link and told to its issuer. */
export type { LinkProblem } from "../../../db/link-row";
