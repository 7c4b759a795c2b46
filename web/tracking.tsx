import { createRoot } from "react-dom/client"
import "./src/design/tokens.css"
import "./src/design/base.css"
import "./src/tracking/tracking.css"
import { Mishap } from "./src/design/Mishap.tsx"
import { TrackingPage } from "./src/tracking/TrackingPage.tsx"

const app = document.getElementById("app")
if (app !== null)
  createRoot(app).render(
    <Mishap>
      <TrackingPage />
    </Mishap>
  )
