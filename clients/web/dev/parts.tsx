/** All parts of the page in all their states, side by side, for who works on them. */
import { signal } from "@preact/signals";
import { render } from "preact";
import { JobCard } from "../src/jobs/card/JobCard";
import { Queue } from "../src/jobs/Queue";
import "../src/jobs/jobs.css";
import { Appearance } from "../src/ui/Choices";
import { Cover } from "../src/ui/models/Cover";
import { Icon, type IconName } from "../src/ui/Icon";
import { Readiness } from "../src/ui/models/Readiness";
import { Search } from "../src/ui/Search";
import { Sure } from "../src/ui/sheets/Sure";
import { theme, type Theme } from "../src/ui/theme";
import "../src/style.css";
import "./parts.css";
import { Form } from "./form";
import { Lists } from "./lists";
import { Part } from "./Part";
import { Places } from "./places";
import { CARDS, WAITING } from "./states";

theme.value = (new URLSearchParams(location.search).get("theme") as Theme | null) ?? "dark";

const ICONS: readonly IconName[] = ["make", "gallery", "models", "server", "star", "album", "compare", "up", "down", "top", "seen", "unseen", "trash"];

function Parts() {
  return (
    <div class="parts-sheet">
      <Part name="buttons" high={200}>
        <p class="choices">
          <button type="button" class="primary">Primary</button>
          <button type="button">Plain</button>
          <button type="button" disabled>Disabled</button>
          <button type="button" class="plain">Quiet</button>
          <button type="button" aria-pressed="true">Pressed</button>
          <span class="badge">Badge</span>
        </p>
      </Part>
      <Part name="fields" high={200}>
        <div class="field">
          <label for="f">A field</label>
          <input id="f" value="What was typed" />
        </div>
        <p class="error">What is wrong with it.</p>
      </Part>
      <Part name="icons" high={200}>
        <p class="choices">{ICONS.map((name) => <Icon key={name} name={name} />)}</p>
      </Part>
      <Part name="search" high={200}>
        <Search among={9} asked={signal("")} />
        <Sure label="Delete" question="Delete it?" act={() => Promise.resolve()} />
      </Part>
      <Part name="readiness" high={200}>
        {(["warm", "loading", "cold"] as const).map((state) => (
          <p key={state}>
            <Readiness title="Emoji" state={state} loaded={0.4} />
          </p>
        ))}
      </Part>
      <Part name="covers" high={200}>
        <p class="choices covers">
          <Cover name="Emoji" />
          <Cover name="Stable Diffusion" family="sd1" />
        </p>
      </Part>
      <Part name="appearance" high={420}>
        <Appearance />
      </Part>
      <Part name="queue" high={420}>
        <Queue ids={WAITING.map((each) => each.id).reverse()} />
      </Part>
      {Object.entries(CARDS).map(([name, job]) => (
        <Part key={name} name={name} high={560}>
          <JobCard id={job.id} />
        </Part>
      ))}
      <Form />
      <Lists />
      <Places />
    </div>
  );
}

render(<Parts />, document.getElementById("app")!);
