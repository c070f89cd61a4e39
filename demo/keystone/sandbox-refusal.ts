const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Request Entity Too Large",
};

/** A no in Keystone's shape: `{"error": {"code", "message", "title"}}`. */
export class SandboxRefusal extends Error {
  readonly title: string;

  constructor(
    readonly status: number,
    message: string,
    /** In place of the usual body, and headers to go with it. */
    readonly instead?: { body: unknown; headers: Record<string, string> },
  ) {
    super(message);
    this.title = titles[status] ?? "Error";
  }
}

/** The one 401 that Keystone gives for everything it does not want to explain. */
export function unauthorized(): SandboxRefusal {
  return new SandboxRefusal(401, "The request you have made requires authentication.");
}

export function forbidden(action: string): SandboxRefusal {
  return new SandboxRefusal(
    403,
    `You are not authorized to perform the requested action: ${action}.`,
  );
}

export function notFound(what: string, id: string): SandboxRefusal {
  return new SandboxRefusal(404, `Could not find ${what}: ${id}.`);
}

/** Not an answer at all: Keystone's worker dies of it and the connection ends. */
export class SandboxCrash extends Error {}
