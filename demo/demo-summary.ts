/** What the demo prints once everything runs. */
import { administrator, demoUsers, examplePin, passwordRules } from "./demo-data";

export interface DemoAddresses {
  publicUrl: string;
  mailboxUrl: string;
  keystoneUrl: string;
  logFile: string;
}

/** A call that works as it stands. */
export interface ExampleCall {
  userId: string;
  userName: string;
  initialPassword: string;
  adminToken: string;
}

/** @param options.colours for a terminal */
export function summary(
  addresses: DemoAddresses,
  example: ExampleCall,
  { colours }: { colours: boolean },
): string {
  const paint = (code: number) => (text: string) =>
    colours ? `\u001b[${code}m${text}\u001b[0m` : text;
  const bold = paint(1);
  const faint = paint(2);
  const link = paint(36);
  const { publicUrl, mailboxUrl, keystoneUrl, logFile } = addresses;
  const { userName, password, domainName } = administrator;
  const width = Math.max(...demoUsers.map((user) => user.initialPassword.length));

  const lines = [
    "",
    `  ${bold("setpass runs.")} Everything is on this machine and gone when you stop it.`,
    "",
    `  ${bold("Console")}   ${link(`${publicUrl}/admin`)}`,
    `            user ${bold(userName)}, password ${bold(password)}, domain ${bold(domainName)}`,
    `  ${bold("Mailbox")}   ${link(mailboxUrl)}`,
    "            every mail of the demo comes here",
    `  ${bold("Keystone")}  ${link(`${keystoneUrl}/v3`)}`,
    `            a sandbox; it wants passwords of ${passwordRules}`,
    "",
    `  ${bold("As the administrator")}`,
    `    1. Sign in to the console, pick the user ${bold("grace")}, type a PIN, issue the link.`,
    "    2. Open the mailbox, follow the link, type that PIN and a password of your own.",
    "",
    `  ${bold("As a script")} ${faint("(this token is good for twelve hours)")}`,
    `    curl -X PUT ${publicUrl}/token/${example.userId} \\`,
    `      -H 'X-Auth-Token: ${example.adminToken}' \\`,
    `      -H 'Content-Type: application/json' \\`,
    `      -d '{"pin": "${examplePin}", "password": "${example.initialPassword}"}'`,
    `    It prints the link token of ${example.userName}; then open ${publicUrl}/?token=…`,
    "",
    `  ${bold("The users")} ${faint("and their initial passwords")}`,
    ...demoUsers.map(
      (user) =>
        `    ${user.name.padEnd(6)} ${user.domainName.padEnd(8)} ${user.initialPassword.padEnd(width)}  ${faint(user.description)}`,
    ),
    "",
    `  ${faint(`Log: ${logFile}`)}`,
    `  ${faint("Ctrl-C stops everything and leaves nothing behind.")}`,
    "",
    "",
  ];
  return lines.join("\n");
}
