import { createRoot } from "react-dom/client"
import "./src/design/tokens.css"
import "./src/design/base.css"
import "./src/fleet/console.css"
import "./src/orders/orders.css"
import { Mishap } from "./src/design/Mishap.tsx"
import { Console } from "./src/fleet/Console.tsx"

const app = document.getElementById("app")
if (app !== null)
  createRoot(app).render(
    <Mishap>
      <Console />
    </Mishap>
  )
