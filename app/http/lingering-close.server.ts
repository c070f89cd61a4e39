import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { RequestHandler } from "express";

/** How long a client may still send once it has its answer: in all, and without a pause this long. */
const LINGER_MS = 8_000;
const PAUSE_MS = 3_000;

/**
 * Lets a client read an answer that comes before it has sent its whole body (413, 401, …), which many do not
 * do before that. Closing on unread bytes is a reset, and takes the answer from them; Node does so for
 * `Connection: close`. Here the connection is half closed, and what still comes is read and dropped.
 */
export const lingeringClose: RequestHandler = (request, response, next) => {
  const { socket } = request;
  // What Node calls at the end of a connection's last answer.
  const destroySoon = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    if (request.complete) destroySoon();
    else socket.end();
  };
  response.once("finish", () => {
    if (!request.complete) readOn(request, socket);
  });
  // The next request on this connection starts afresh.
  request.once("close", () => {
    socket.destroySoon = destroySoon;
  });
  next();
};

function readOn(request: IncomingMessage, socket: Socket): void {
  request.removeAllListeners("data");
  request.resume();
  const hangUp = () => socket.destroy();
  const tooLong = setTimeout(hangUp, LINGER_MS).unref();
  const pause = setTimeout(hangUp, PAUSE_MS).unref();
  request.on("data", () => {
    pause.refresh();
  });
  request.once("end", () => {
    stop();
    if (socket.writableEnded) socket.destroySoon();
  });
  const stop = () => {
    clearTimeout(tooLong);
    clearTimeout(pause);
  };
  socket.once("close", stop);
}
