/** What the form is made of. */
import { useEffect } from "preact/hooks";
import { Prompt } from "../src/make/Prompt";
import { Styles } from "../src/make/Styles";
import { Welcome } from "../src/make/Welcome";
import "../src/make/make.css";
import { ModelField } from "../src/make/picker/ModelField";
import { Choice } from "../src/make/settings/Choice";
import { Range } from "../src/make/settings/Range";
import { SeedField } from "../src/make/settings/SeedField";
import { SizeField } from "../src/make/settings/SizeField";
import { StrengthField } from "../src/make/settings/StrengthField";
import { Start } from "../src/make/start/Start";
import { Tools } from "../src/editor/paint/Tools";
import { Painter } from "../src/editor/paint/painter";
import "../src/editor/editor.css";
import { BLUE } from "../src/editor/paint/mask/colour";
import { change } from "../src/state/form/draft";
import { inputOf, type Input } from "../src/state/form/input";
import { models } from "../src/state/form/models";
import { tell } from "../src/state/form/problems";
import { model } from "../tests/samples";
import { Part } from "./Part";

const nothing = () => undefined;

const DOES = ["text-to-image", "image-to-image", "inpaint", "outpaint", "upscale", "variations"] as const;

models.value = [model({ kinds: [...DOES], title: "Emoji", description: "Small pictures.", licence: "MIT", bytes: 33_793_798 })];
change({ styles: ["Ink"] });

const PICTURE = { picture: "a", url: "/picture?c", width: 2048, height: 1536 };

/** A mask over the middle of a picture. */
async function middle(): Promise<Blob> {
  const paper = new OffscreenCanvas(64, 48);
  const pen = paper.getContext("2d")!;
  pen.fillRect(0, 0, 64, 48);
  pen.fillStyle = "#fff";
  pen.fillRect(16, 12, 32, 24);
  return paper.convertToBlob();
}

const STARTS: Readonly<Record<string, Input>> = {
  "start from it": inputOf({ ...PICTURE, use: "image-to-image", full: { width: 4000, height: 3000 } }),
  "start, painted": { ...inputOf({ ...PICTURE, use: "inpaint" }, {}, await middle()), ink: BLUE },
  "start, enlarged": inputOf({ ...PICTURE, use: "upscale", width: 1600, height: 1200 }),
};

const painter = new Painter(STARTS["start from it"]!);

/** What is wrong is said of fields that only stand here once. */
function Wrong() {
  useEffect(() => tell([{ pointer: "/eta", detail: "must be at most 150; it is 500" }]), []);
  return <Range label="With a problem" pointer="/eta" value={60} min={1} max={60} step={1} typed change={nothing} />;
}

export function Form() {
  return (
    <>
      <Part name="prompt" high={330}>
        <Prompt send={nothing} />
        <Styles />
      </Part>
      <Part name="welcome" high={330}>
        <Welcome />
      </Part>
      <Part name="model" high={330}>
        <ModelField />
      </Part>
      <Part name="size" high={300}>
        <SizeField model={models.value[0]!} />
      </Part>
      <Part name="ranges" high={300}>
        <StrengthField value={0.3} />
        <Wrong />
      </Part>
      <Part name="seed and choice" high={300}>
        <SeedField />
        <Choice label="Sampler" pointer="/none" value="a" options={[{ value: "a", text: "Euler" }]} help="How it is drawn." change={nothing} />
      </Part>
      {Object.entries(STARTS).map(([name, source]) => (
        <Part key={name} name={name} high={560}>
          <Start source={source} />
        </Part>
      ))}
      <Part name="tools" high={300}>
        <div class="editor">
          <div class="controls">
            <Tools painter={painter} width={2048} height={1536} />
          </div>
        </div>
      </Part>
    </>
  );
}
