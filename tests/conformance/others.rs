//! The cases that kustomize 5.8.1 itself does not confirm, each with the reason and with what we make of it.

/// One case.
pub struct Other {
    pub case: &'static str,
    /// Why the oracle says something else.
    pub reason: &'static str,
    pub ours: Ours,
}

/// What we make of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Ours {
    /// What the case expects, although the oracle could not be asked.
    Expected,
    /// Another text.
    Differs,
    /// An error of this type.
    Refuses(&'static str),
}

/// All of them, in the order of the cases.
pub const OTHERS: &[Other] = &[
    row("TestFnContainerMountsLoadRestrictions_root", "a container would run", Ours::Refuses("Plugin")),
    row(
        "TestAddManagedbyLabel__0",
        "the label names the version of the tool, which a test build does not have",
        Ours::Differs,
    ),
    row(
        "TestAddManagedbyLabel__1",
        "the label names the version of the tool, which a test build does not have",
        Ours::Differs,
    ),
    row(
        "TestNameReferenceDeploymentIssue3489",
        "a base lies above the root of the test's file system, where it is clamped",
        Ours::Refuses("Outside"),
    ),
    row(
        "TestCustomOpenApiFieldBasicUsageWithRemoteSchema",
        "the schema would be fetched",
        Ours::Refuses("Remote"),
    ),
    row(
        "TestCustomOpenApiFieldFileNotFound",
        "the oracle refuses as well, with the path of a disk in its text",
        Ours::Refuses("Missing"),
    ),
    row(
        "TestCustomOpenApiFieldFromBaseWithRemoteSchema",
        "the schema would be fetched",
        Ours::Refuses("Remote"),
    ),
    row(
        "TestCustomOpenApiFieldFromOverlayWithRemoteSchema",
        "the schema would be fetched",
        Ours::Refuses("Remote"),
    ),
    row("TestPluginsNotEnabled", "a program would run; the oracle refuses as well", Ours::Refuses("Plugin")),
    row("TestSedTransformer", "a program would run", Ours::Refuses("Plugin")),
    row(
        "TestCustomConfig",
        "newer than 5.8.1: `volumeClaimTemplateLabels` in its configuration",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestCustomConfigWithDefaultOverspecification",
        "newer than 5.8.1: `volumeClaimTemplateLabels` in its configuration",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestFixedBug605_BaseCustomizationAvailableInOverlay",
        "newer than 5.8.1: `volumeClaimTemplateLabels` in its configuration",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestKustomizationLabelsInStatefulSetTemplateWithClaimTemplateAndIncludeVolumeCla",
        "newer than 5.8.1: `includeVolumeClaimTemplates` of labels",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestKustomizationLabelsInStatefulSetTemplateWithClaimTemplateIncludeTemplateFals",
        "newer than 5.8.1: `includeVolumeClaimTemplates` of labels",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestKustomizationLabelsInStatefulSetTemplateWithClaimTemplateAndIncludeVolumeCla__2",
        "newer than 5.8.1: `includeVolumeClaimTemplates` of labels",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestKustomizationLabelsInStatefulSetTemplateWithIncludeSelectorsTrue",
        "newer than 5.8.1: `includeVolumeClaimTemplates` of labels",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestKustomizationLabelsInDeploymentWithoutClaimTemplateAndIncludeVolumeClaimTemp",
        "newer than 5.8.1: `includeVolumeClaimTemplates` of labels",
        Ours::Refuses("UnknownField"),
    ),
    row(
        "TestNamespaceNotAddedToValidatingAdmissionPolicies",
        "newer than 5.8.1: admission policies have no namespace",
        Ours::Differs,
    ),
    row(
        "TestTransfomersImageInvalidNameRegexp",
        "newer than 5.8.1: an image's name that is no regular expression; 5.8.1 crashes",
        Ours::Refuses("Transformer"),
    ),
];

const fn row(case: &'static str, reason: &'static str, ours: Ours) -> Other {
    Other { case, reason, ours }
}
