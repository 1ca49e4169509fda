<?php
/**
 * Plugin Name: Lab
 *
 * For tests only: no flood check, no mail, and PHP from whoever knows this site's token.
 */

add_filter(
	'pre_wp_mail',
	static function ( $done, $mail ) {
		update_option( 'lab_mails', array_merge( (array) get_option( 'lab_mails', array() ), array( $mail ) ), false );
		return true;
	},
	10,
	2
);

if ( isset( $_POST['lab_token'], $_POST['lab_cli'] ) && hash_equals( RELAY_LAB_TOKEN, $_POST['lab_token'] ) ) {
	require __DIR__ . '/lab/wp-cli.php';
}

remove_action( 'check_comment_flood', 'check_comment_flood_db', 10 );

add_action(
	'wp_loaded',
	static function () {
		if ( isset( $_POST['lab_token'], $_POST['lab_php'] ) && hash_equals( RELAY_LAB_TOKEN, $_POST['lab_token'] ) ) {
			eval( wp_unslash( $_POST['lab_php'] ) );
			exit;
		}
	}
);
