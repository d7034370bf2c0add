import { useRef } from "preact/hooks";
import { take } from "../../actions/take";
import { Icon, type IconName } from "../../ui/Icon";

interface Asked {
  label: string;
  icon: IconName;
  camera?: boolean;
  /** Whether its label is read on it. */
  named?: boolean;
  /** Who takes the file; it is the one to start from if nobody does. */
  taken?(file: File): void;
}

/** A button that asks for a picture: from the files of this device, or from its camera. */
export function FileButton({ label, icon, camera, named, taken = (file) => void take(file) }: Asked) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" {...(named ? {} : { "aria-label": label, title: label })} onClick={() => field.current!.click()}>
        <Icon name={icon} />
        {named && label}
      </button>
      <input
        ref={field}
        hidden
        type="file"
        accept="image/*"
        aria-label={label}
        {...(camera ? { capture: "environment" as const } : {})}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) taken(file);
          // The same file once more is a choice, too.
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
