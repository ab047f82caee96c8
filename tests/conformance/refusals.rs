//! The cases that kustomize refuses: the type of our error, and the file, line and field that it names.

use sealane::render::kustomize::Cause;

/// One case.
pub struct Refusal {
    pub case: &'static str,
    /// The variant of [`Cause`].
    pub cause: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub field: &'static str,
}

/// The name of a cause's variant.
pub fn kind_of(cause: &Cause) -> &'static str {
    match cause {
        Cause::NoKustomization(_) => "NoKustomization",
        Cause::SeveralKustomizations { .. } => "SeveralKustomizations",
        Cause::EmptyKustomization => "EmptyKustomization",
        Cause::Invalid(_) => "Invalid",
        Cause::UnknownField { .. } => "UnknownField",
        Cause::MalformedYaml(_) => "MalformedYaml",
        Cause::NotAnObject(_) => "NotAnObject",
        Cause::Pointer => "Pointer",
        Cause::Duplicate { .. } => "Duplicate",
        Cause::Missing(_) => "Missing",
        Cause::Outside { .. } => "Outside",
        Cause::WrongKind(_) => "WrongKind",
        Cause::Cycle(_) => "Cycle",
        Cause::Link { .. } => "Link",
        Cause::Remote { .. } => "Remote",
        Cause::Helm(_) => "Helm",
        Cause::Plugin(_) => "Plugin",
        Cause::WrongRole { .. } => "WrongRole",
        Cause::PatchTarget { .. } => "PatchTarget",
        Cause::Patch(_) => "Patch",
        Cause::Generator { .. } => "Generator",
        Cause::Transformer { .. } => "Transformer",
        Cause::Ambiguous { .. } => "Ambiguous",
        Cause::Replacement(_) => "Replacement",
        Cause::Var { .. } => "Var",
        Cause::Limit { .. } => "Limit",
        Cause::Submodule(_) => "Submodule",
        Cause::Tree(_) => "Tree",
    }
}

/// All of them, in the order of the cases.
pub const REFUSALS: &[Refusal] = &[
    row("TestTargetMustHaveOnlyOneKustomizationFile", "SeveralKustomizations", ".", 0, ""),
    row("TestBaseMustHaveKustomizationFile", "NoKustomization", "kustomization.yaml", 6, "resources"),
    row("TestResourceNotFound", "Missing", "kustomization.yaml", 6, "resources"),
    row("TestSharedPatchDisAllowed", "Outside", "overlay/kustomization.yaml", 10, "patchesStrategicMerge"),
    row("TestBasicIO3812", "MalformedYaml", "service.yaml", 11, ""),
    row("TestBlankNamespace4240", "NotAnObject", "resource.yaml", 19, "subjects"),
    row("TestComplexComposition_Dev_Failure", "Duplicate", "dev/kustomization.yaml", 7, "resources"),
    row("TestComplexComposition_Prod_Failure", "Duplicate", "prod/kustomization.yaml", 7, "resources"),
    row(
        "TestComponentErrors__components-cannot-be-added-to-resources",
        "WrongRole",
        "compinres/kustomization.yaml",
        7,
        "resources",
    ),
    row(
        "TestComponentErrors__files-cannot-be-added-to-components-list",
        "WrongKind",
        "filesincomponents/kustomization.yaml",
        6,
        "components",
    ),
    row(
        "TestComponentErrors__invalid-component-api-version",
        "Invalid",
        "comp/kustomization.yaml",
        2,
        "apiVersion",
    ),
    row(
        "TestComponentErrors__components-cannot-add-the-same-resource",
        "Duplicate",
        "comp-b/kustomization.yaml",
        6,
        "resources",
    ),
    row(
        "TestComponentErrors__components-cannot-add-the-same-base",
        "Duplicate",
        "comp-b/kustomization.yaml",
        6,
        "resources",
    ),
    row(
        "TestComponentErrors__components-cannot-add-bases-containing-the-same-resource",
        "Duplicate",
        "comp-b/kustomization.yaml",
        6,
        "resources",
    ),
    row(
        "TestIssue1251_CompositeDiamond_Failure",
        "Duplicate",
        "composite/kustomization.yaml",
        7,
        "resources",
    ),
    row(
        "TestIssue1251_Patches_ProdVsDev_Failure",
        "Outside",
        "prod/kustomization.yaml",
        8,
        "patchesStrategicMerge",
    ),
    row(
        "TestConfigMapGeneratingIntoSameNamespace",
        "Generator",
        "app/kustomization.yaml",
        10,
        "configMapGenerator",
    ),
    row("TestIntermediateNameAmbiguous", "PatchTarget", "gcp/depPatch.yaml", 2, ""),
    row("TestEmptyPatchesStrategicMergeFails", "Patch", "kustomization.yaml", 8, "patchesStrategicMerge"),
    row("TestNamedspacedServiceAccountsWithOverlap", "Ambiguous", "a/a.yaml", 7, "subjects"),
    row("TestVariablesAmbiguous", "Var", "kustomization.yaml", 9, "vars"),
    row("TestCustomOpenApiFieldNotBuiltin", "Invalid", "kustomization.yaml", 6, "openapi"),
    row("TestRepeatBase", "PatchTarget", "mango/deployment-mango-base-patch.yaml", 3, ""),
    row("TestMultibasesWithConflict", "Ambiguous", "base/rolebinding.yaml", 2, "subjects"),
    row(
        "TestInvalidLegacySortOptionsWithoutOrderKey",
        "Transformer",
        "base/kustomization.yaml",
        9,
        "sortOptions",
    ),
    row(
        "TestInvalidLegacySortOptionsWithFIFOOrder",
        "Transformer",
        "base/kustomization.yaml",
        9,
        "sortOptions",
    ),
    row("TestSortOrderGivenAsTransformer", "Invalid", "base/sort_order.yaml", 2, ""),
    row("TestBasicVarCollision", "Var", "base2/kustomization.yaml", 9, "vars"),
    row("TestBug506", "Var", "base/kustomization.yaml", 9, "vars"),
];

const fn row(
    case: &'static str,
    cause: &'static str,
    file: &'static str,
    line: u32,
    field: &'static str,
) -> Refusal {
    Refusal { case, cause, file, line, field }
}
