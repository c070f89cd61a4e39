import { type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Services } from "../services.server";
import { MALFORMED } from "./canonical-path.server";

const STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/**
 * Answers what Node's parser cannot read (a control character in the path, headers without end, a
 * request that does not come whole in time) as Node itself would, and puts it into the log and the
 * metrics like every other answer.
 */
export function answerUnreadable(server: Server, { log, metrics }: Services): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const current = (socket as Socket & { _httpMessage?: { headersSent: boolean } | null })
      ._httpMessage;
    // Who is gone gets no answer, and an answer under way is no place for another.
    if (!socket.writable || error.code === "ECONNRESET" || current?.headersSent) {
      socket.destroy();
      return;
    }
    const status = STATUSES[error.code ?? ""] ?? 400;
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`, () =>
      socket.destroy(),
    );
    // A request that is known is logged as others are.
    if (current) return;
    const answered = { method: "unreadable", status };
    metrics.observeRequest({ ...answered, route: MALFORMED, durationSeconds: 0 });
    log.info("request.answered", {
      ...answered,
      path: MALFORMED,
      clientAddress: socket.remoteAddress ?? "unknown",
    });
  });
}
