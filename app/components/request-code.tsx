/** A request's code, large enough to be compared and read out. */
export function RequestCode({ code }: { code: string }) {
  return (
    <strong className="inline-block rounded-lg border border-line bg-card px-3 py-1 font-mono text-2xl tracking-[0.12em] whitespace-nowrap">
      {code}
    </strong>
  );
}

/** What happens to a request that is confirmed, from the second step on. */
export function AfterConfirming() {
  return (
    <>
      <li>
        An administrator looks at it. They may call you and ask for the code: read it out to them.
        Nobody will ever ask for your PIN.
      </li>
      <li>You get a mail with a new link, at the address your account has.</li>
      <li>You open it, type the PIN you have just chosen, and set a new password.</li>
    </>
  );
}
