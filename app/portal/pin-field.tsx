import { Field } from "../components/field";

/** @param props.format what the browser says where something else than `digits` digits is typed */
export function PinField(props: {
  digits: number;
  label: string;
  hint: string;
  format: string;
  error: string | undefined;
}) {
  const { digits, format, ...shown } = props;
  return (
    <Field
      name="pin"
      type="text"
      inputMode="numeric"
      autoComplete="off"
      pattern={`[0-9]{${digits}}`}
      title={format}
      required
      className="!w-40 font-mono text-xl tracking-[0.35em]"
      {...shown}
    />
  );
}
