<?php
/**
 * Installs WordPress without a browser.
 */

define( 'WP_INSTALLING', true );
require __DIR__ . '/boot.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install( 'Lab shop', 'admin', 'admin@example.org', true, '', 'lab-pass-123456' );
update_option( 'permalink_structure', '' );
update_option( 'show_avatars', 0 );
update_option( 'comment_previously_approved', 0 );
update_option( 'comment_moderation', 0 );
