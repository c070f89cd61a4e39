import { useWords } from "../components/render-context";

/** Longer names do not fit a field, which cannot break its line, on a phone. */
const FITS_A_FIELD = 22;

/**
 * Which account the password is for. The user name is a real, read-only field: password managers take
 * it from there.
 */
export function AccountTag(props: { userName: string; domainName: string | null; form?: string }) {
  const words = useWords();
  const { userName, domainName } = props;
  const fits = userName.length <= FITS_A_FIELD;
  return (
    <div className="tag">
      <label htmlFor="username" className="block text-sm text-muted">
        {words("portal.userName")}
      </label>
      <input
        id="username"
        name="username"
        form={props.form}
        type="text"
        autoComplete="username"
        readOnly
        tabIndex={-1}
        value={userName}
        className={fits ? "w-full bg-card font-mono text-lg font-semibold" : "sr-only"}
      />
      {fits ? null : (
        <p aria-hidden="true" className="font-mono font-semibold wrap-anywhere">
          {userName}
        </p>
      )}
      {domainName ? (
        <p className="mt-1 text-sm">
          <span className="text-muted">{words("portal.domain")}</span>{" "}
          <span className="font-mono wrap-anywhere">{domainName}</span>
        </p>
      ) : null}
    </div>
  );
}
