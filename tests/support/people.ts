/**
 * What the script, the new user and the administrator do, over HTTP as they do it: each request has a
 * connection of its own, so that none is broken by a server that was killed before.
 */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface People {
  /** Any request. @throws Error where there is no whole answer within `timeoutMs` (30 s unless told) */
  request(
    method: string,
    path: string,
    options?: { headers?: Record<string, string>; body?: string; timeoutMs?: number },
  ): Promise<Answer>;
  /** The script: `PUT /token/:userId`. */
  putLink(
    authToken: string,
    userId: string,
    body?: { pin?: string; password?: string },
  ): Promise<Answer>;
  openLink(linkToken: string): Promise<Answer>;
  /** The user types a PIN and a password, twice. */
  redeem(linkToken: string, typed: { pin: string; password: string }): Promise<Answer>;
  /** @returns the session's cookie. @throws Error where the sign-in is refused */
  signIn(credentials: { userName: string; password: string }): Promise<string>;
  /** The administrator sends a form of the console, from its own page. */
  sendForm(cookie: string, path: string, fields: Record<string, string>): Promise<Answer>;
}

/**
 * @param options.url where the server (or a proxy in front of several) listens
 * @param options.publicUrl PUBLIC_URL, where it differs
 * @param options.address where they are: any of 127.0.0.0/8, which all lead here; 127.0.0.1 unless told
 */
export function peopleAt(options: { url: string; publicUrl?: string; address?: string }): People {
  const origin = new URL(options.publicUrl ?? options.url).origin;

  const request: People["request"] = (method, path, given = {}) =>
    new Promise((resolve, reject) => {
      const timeoutMs = given.timeoutMs ?? 30_000;
      const outgoing = httpRequest(
        new URL(path, options.url),
        {
          method,
          headers: { ...given.headers, connection: "close" },
          agent: false,
          ...(options.address && { localAddress: options.address }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("error", reject);
          response.once("end", () => {
            clearTimeout(timer);
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString("utf8"),
            });
          });
        },
      );
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms: ${method} ${path}`)),
        timeoutMs,
      );
      outgoing.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      outgoing.end(given.body);
    });

  const form = (path: string, fields: Record<string, string>, headers: Record<string, string>) =>
    request("POST", path, {
      headers: { ...headers, "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });

  return {
    request,
    putLink: (authToken, userId, body) =>
      request("PUT", `/token/${userId}`, {
        headers: { "X-Auth-Token": authToken, "Content-Type": "application/json" },
        body: body && JSON.stringify(body),
      }),
    openLink: (linkToken) => request("GET", `/?token=${linkToken}`),
    redeem: (linkToken, { pin, password }) =>
      form(`/?token=${linkToken}`, { pin, password, confirm_password: password }, {}),
    async signIn({ userName, password }) {
      const fields = { user_name: userName, password, domain: "Default" };
      const answer = await form("/admin/sign-in", fields, { Origin: origin });
      const [cookie] = answer.headers["set-cookie"] ?? [];
      if (answer.status !== 302 || !cookie)
        throw new Error(`the sign-in was answered with ${answer.status}`);
      return cookie.split(";")[0] ?? "";
    },
    sendForm: (cookie, path, fields) => form(path, fields, { Origin: origin, Cookie: cookie }),
  };
}
