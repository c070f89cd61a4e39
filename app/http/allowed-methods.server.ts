import type { RequestHandler } from "express";
import { errorBody } from "./respond.server";

const READ = ["GET", "HEAD"];
const PAGE = ["GET", "HEAD", "POST"];

/** @returns the methods a path for people or probes may be asked with; which pages take a POST, their routes say */
export function allowedMethods(path: string): readonly string[] {
  if (/^\/(healthz|readyz|assets\/.*|__manifest)$/.test(path)) return READ;
  return PAGE;
}

/** Answers 405 with Allow before Remix sees the request: its own answer is a 400 with a stack trace. */
export const refuseOtherMethods: RequestHandler = (request, response, next) => {
  const allowed = allowedMethods(request.path);
  if (allowed.includes(request.method)) return next();
  const allow = allowed.join(", ");
  response
    .status(405)
    .setHeader("Allow", allow)
    .json(errorBody(405, `Use ${allow} here.`));
};
