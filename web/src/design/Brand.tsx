/** The product's name with its mark. */
export const Brand = () => (
  <span className="brand">
    <svg className="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path
        d="M16 6c-4.4 0-8 3.5-8 7.9C8 19.8 16 26 16 26s8-6.2 8-12.1C24 9.5 20.4 6 16 6zm0 11a3.2 3.2 0 1 1 0-6.4 3.2 3.2 0 0 1 0 6.4z"
        fill="var(--accent-ink)"
      />
    </svg>
    DropMate
  </span>
)
