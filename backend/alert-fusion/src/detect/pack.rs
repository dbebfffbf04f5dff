//! The rule pack that is compiled in, used when no rules directory is given.

macro_rules! pack {
    ($($path:literal),* $(,)?) => {
        /// Every rule of the pack: its path below `assets/rules`, and its text.
        pub const RULES: &[(&str, &str)] = &[
            $(($path, include_str!(concat!("../../../../assets/rules/", $path)))),*
        ];
    };
}

pack![
    "aws/attack_tool_user_agent.yml",
    "aws/bucket_expiry_shortened.yml",
    "aws/command_sent_to_instance.yml",
    "aws/flow_logs_deleted.yml",
    "aws/instance_credentials_outside.yml",
    "aws/instance_password_read.yml",
    "aws/instance_user_data_read.yml",
    "aws/organization_left.yml",
    "aws/role_assumption_denied.yml",
    "aws/trail_tampered.yml",
    "windows/access_from_unbacked_memory.yml",
    "windows/access_lsass_memory.yml",
    "windows/file_executable_dropped.yml",
    "windows/file_lsass_dump.yml",
    "windows/image_dump_library.yml",
    "windows/network_from_user_directory.yml",
    "windows/network_powershell_out.yml",
    "windows/powershell_classic_encoded.yml",
    "windows/powershell_encoded_stager.yml",
    "windows/powershell_reflection.yml",
    "windows/powershell_stager_task_uri.yml",
    "windows/process_local_admins_listed.yml",
    "windows/process_lsass_dump_tool.yml",
    "windows/process_mshta_child.yml",
    "windows/process_mshta_script.yml",
    "windows/process_script_host_spawns_cmd.yml",
    "windows/process_shell_from_winrm.yml",
    "windows/process_whoami_from_shell.yml",
    "windows/security_domain_object_dacl.yml",
    "windows/security_domain_policy_changed.yml",
    "windows/security_group_enumerated.yml",
    "windows/security_log_cleared.yml",
    "windows/task_registered_by_user.yml",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detector as _;
    use crate::detect::sigma::SigmaDetector;
    use std::path::Path;

    #[test]
    fn every_rule_loads_and_says_what_it_is_about() {
        let (detector, errors) = SigmaDetector::load(RULES.iter().copied());
        assert_eq!(errors, []);
        assert_eq!(detector.rules().len(), RULES.len());
        for rule in detector.rules() {
            assert!(!rule.techniques.is_empty(), "{} names no technique", rule.title);
            assert!(!rule.tactics.is_empty(), "{} names no tactic", rule.title);
        }
    }

    #[test]
    fn the_list_holds_every_file_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/rules");
        let (from_folder, errors) = SigmaDetector::load_dir(&folder).unwrap();
        assert_eq!(errors, []);
        assert_eq!(from_folder.rules().len(), RULES.len());
    }
}
