/** Before the first driver: what to do. */
export const EmptyFleet = () => (
  <section className="panel empty">
    <h2>No drivers on the road yet</h2>
    <p>
      A driver appears here with the first position that their phone sends. Add drivers with{" "}
      <code>POST /v1/drivers</code>, or watch a simulated fleet:
    </p>
    <pre>
      <code>npm run dropmate -- simulate --drivers 100</code>
    </pre>
    <a className="button button-small" href="/docs">
      Open the API's documentation
    </a>
  </section>
)
