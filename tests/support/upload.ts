import type { Socket } from "node:net";
import { type RawAnswer, type RawRequest, readAnswers, requestBytes } from "./raw-http";

/** What became of an upload: its answer, or how the connection ended without one. */
export type UploadEnd = RawAnswer | string;

/**
 * Sends a whole request before it reads a byte, as many clients do.
 *
 * @param socket one that connects, over TLS or not
 */
export function uploadOn(socket: Socket, head: RawRequest, bytes: number): Promise<UploadEnd> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    let ending = "closed without an answer";
    socket.setTimeout(20_000, () => {
      ending = "no end after 20 s";
      socket.destroy();
    });
    const readAll = () =>
      socket.on("data", (chunk: Buffer) => {
        received.push(chunk);
        if (readAnswers(Buffer.concat(received)).length > 0) socket.end();
      });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      ending = error.code ?? error.message;
      // What the kernel took in before is thrown away with a reset.
      received.length = 0;
    });
    socket.once("close", () => resolve(readAnswers(Buffer.concat(received))[0] ?? ending));
    socket.write(requestBytes({ ...head, body: Buffer.alloc(bytes, "a") }), readAll);
  });
}

/** @returns how many ended how: `{"413": 20}` */
export function tallyUploads(endings: readonly UploadEnd[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const ending of endings) {
    const name = typeof ending === "string" ? ending : String(ending.status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
