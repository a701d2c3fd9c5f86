"""The typed content of `mlflow/registry.yaml`."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.errors import ModelUnknown, RegistryFileInvalid

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Role = Literal["storefront", "ml_engineer", "ethics", "marketer", "pricing", "privacy", "operator"]


class ModelEntry(BaseModel):
    """What the registry demands of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Annotated[str, Field(min_length=1)]
    aliases: tuple[Name, ...]
    required_tags: Annotated[tuple[Name, ...], Field(min_length=1)]
    promoters: Annotated[tuple[Role, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _champion_is_an_alias(self) -> Self:
        if CHAMPION not in self.aliases:
            raise ValueError(f"aliases must hold {CHAMPION!r}, the one that serves")
        return self


class RegistryFile(BaseModel):
    """All models of the registry by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[Name, ModelEntry]

    def model(self, name: str) -> ModelEntry:
        """Look up one model.

        Raises:
            ModelUnknown: If the file does not list it.
        """
        if name not in self.models:
            raise ModelUnknown(name=name, known=sorted(self.models))
        return self.models[name]


def load_registry_file(path: Path) -> RegistryFile:
    """Read and check the registry file.

    Raises:
        RegistryFileInvalid: If it is missing, not YAML, or not what the schema says; every problem is listed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as failure:
        raise RegistryFileInvalid(path=path, problems=[" ".join(str(failure).split())]) from None
    try:
        return RegistryFile.model_validate(content)
    except ValidationError as failure:
        problems = [f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in failure.errors()]
        raise RegistryFileInvalid(path=path, problems=problems) from None
