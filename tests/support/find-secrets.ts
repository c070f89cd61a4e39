/**
 * Looks for secrets where none may be: dumps of the database, logs, metrics, pages. A secret is found
 * also inside hex, base64 (of both alphabets, at any offset), URL-encoding, JSON, HTML and
 * quoted-printable, and two of these around one another; compressed or encrypted it is not.
 */
export interface Secret {
  /** What it is, such as `PIN`: the only thing a report says of it. */
  readonly kind: string;
  readonly value: string;
}

export interface Haystack {
  readonly name: string;
  readonly content: string | Buffer;
  /** Full of plain numbers, such as metrics: a PIN among them would mean nothing. */
  readonly isNumbers?: boolean;
}

/** Where a secret was found; never the secret itself. */
export interface Finding {
  readonly kind: string;
  readonly where: string;
  /** The encodings around it, outermost first; empty for plain text. */
  readonly encoding: string;
}

/** @returns each kind of secret once for each place and encoding */
export function findSecrets(haystacks: readonly Haystack[], secrets: readonly Secret[]): Finding[] {
  const wanted = [...new Map(secrets.map((secret) => [secret.value, secret])).values()];
  const found = new Map<string, Finding>();
  for (const { name, content, isNumbers } of haystacks) {
    // One character a byte: whatever the encoding of the rest, ours is then UTF-8.
    const text = Buffer.from(content as string).toString("latin1");
    for (const view of viewsOf(text)) {
      const quiet = withoutNoise(view.text);
      for (const { kind, value } of wanted) {
        if (isNumbers && isPinLike(value)) continue;
        const hit = isPinLike(value) ? holdsNumber(quiet, value) : holds(view.text, value);
        if (!hit) continue;
        const finding = { kind, where: name, encoding: view.encodings.join(" in ") };
        found.set(JSON.stringify(finding), finding);
      }
    }
  }
  return [...found.values()];
}

interface View {
  text: string;
  encodings: readonly string[];
}

function viewsOf(text: string): View[] {
  const plain: View = { text, encodings: [] };
  const once = decodings(plain);
  return [plain, ...once, ...once.flatMap(decodings)];
}

/** Everything a text can be read as, decoded; those left out that change nothing. */
function decodings({ text, encodings }: View): View[] {
  return Object.entries(decoders).flatMap(([name, decode]) => {
    const decoded = decode(text);
    return decoded === "" || decoded === text
      ? []
      : [{ text: decoded, encodings: [...encodings, name] }];
  });
}

const byte = (hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
const utf8 = (codePoint: number) =>
  codePoint <= 0x10_ffff ? Buffer.from(String.fromCodePoint(codePoint)).toString("latin1") : "";

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

const decoders: Record<string, (text: string) => string> = {
  URL: (text) => text.replace(/\+/g, " ").replace(/%([0-9a-fA-F]{2})/g, (_, hex) => byte(hex)),
  JSON: (text) =>
    text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, hex, one) =>
      hex === undefined ? (escapes[one] ?? one) : utf8(Number.parseInt(hex, 16)),
    ),
  HTML: (text) =>
    text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, number, name) =>
      hex !== undefined
        ? utf8(Number.parseInt(hex, 16))
        : number !== undefined
          ? utf8(Number(number))
          : (entities[name] ?? whole),
    ),
  "quoted-printable": (text) =>
    text.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => byte(hex)),
  "UTF-16": (text) => (text.includes("\0") ? text.replaceAll("\0", "") : ""),
  hex: (text) => runs(text, /[0-9a-fA-F]{8,}/g, 2, (run) => Buffer.from(run, "hex")),
  base64: (text) =>
    // Node reads both alphabets as one.
    runs(text, /[A-Za-z0-9+/_-]{6,}/g, 4, (run) => Buffer.from(run, "base64")),
};

/** Decodes every run of an alphabet, from each of its first characters: it may begin in mid-word. */
function runs(
  text: string,
  alphabet: RegExp,
  offsets: number,
  decode: (run: string) => Buffer,
): string {
  const decoded: string[] = [];
  for (const [run] of text.matchAll(alphabet)) {
    for (let offset = 0; offset < offsets; offset++) {
      decoded.push(decode(run.slice(offset)).toString("latin1"));
    }
  }
  return decoded.join("\n");
}

function holds(text: string, value: string): boolean {
  return value !== "" && text.includes(Buffer.from(value).toString("latin1"));
}

const isPinLike = (value: string) => /^\d{1,12}$/.test(value);

/** Numbers that mean something else: times, and the fields of a log line that hold a number. */
function withoutNoise(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?/g, "")
    .replace(/"(durationMs|port|status|smtpCode|count|attempt)":\d+/g, "");
}

/** As a word of its own: inside longer numbers and ids, four digits are everywhere. */
function holdsNumber(text: string, digits: string): boolean {
  const neighbour = "[0-9A-Za-z_+/.=-]";
  return new RegExp(`(?<!${neighbour})${digits}(?!${neighbour})|=${digits}(?!${neighbour})`).test(
    text,
  );
}
