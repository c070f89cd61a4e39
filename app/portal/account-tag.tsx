/**
 * Which account the password is for. The user name is a real, read-only field: password managers take
 * it from there, and people copy it.
 */
export function AccountTag(props: { userName: string; domainName: string | null; form?: string }) {
  return (
    <div className="tag">
      <label htmlFor="username" className="block text-sm text-muted">
        User name
      </label>
      <input
        id="username"
        name="username"
        form={props.form}
        type="text"
        autoComplete="username"
        readOnly
        tabIndex={-1}
        value={props.userName}
        className="w-full truncate bg-card font-mono text-lg font-semibold"
      />
      {props.domainName ? (
        <p className="mt-1 text-sm">
          <span className="text-muted">Domain</span>{" "}
          <span className="font-mono break-all">{props.domainName}</span>
        </p>
      ) : null}
    </div>
  );
}
