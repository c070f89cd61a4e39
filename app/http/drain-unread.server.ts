import type { RequestHandler } from "express";

/** A client that is still sending by then will not read the answer either. */
const DRAIN_MS = 3000;

/**
 * Reads, and forgets, what a client still sends when it has its answer (413, 401, …). Who closes the
 * connection on it, or stops reading, keeps it from ever seeing that answer.
 */
export const drainUnread: RequestHandler = (request, response, next) => {
  response.once("finish", () => {
    if (request.complete) return;
    request.removeAllListeners("data");
    request.resume();
    const tooLong = setTimeout(() => request.destroy(), DRAIN_MS);
    tooLong.unref();
    request.once("close", () => clearTimeout(tooLong));
  });
  next();
};
