/** The sign of the service: an account's tag with a keyhole. Decoration, so hidden from readers. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg className={className} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        fill="currentColor"
        fillRule="evenodd"
        d="M10.2 3h11.6c.7 0 1.4.3 1.9.8l3.5 3.6c.5.5.8 1.2.8 1.9V26a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3V9.3c0-.7.3-1.4.8-1.9l3.5-3.6c.5-.5 1.2-.8 1.9-.8ZM16 5.8a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4Zm0 6.7a4 4 0 0 0-1.9 7.5l-1 4.1c-.1.5.2.9.7.9h4.4c.5 0 .8-.4.7-.9l-1-4.1a4 4 0 0 0-1.9-7.5Z"
      />
    </svg>
  );
}
