<?php
/**
 * Plugin Name: Stand-in for MailPoet
 *
 * For tests only. Like MailPoet 5.35.0 (lib/Subscribers/SubscriberSubscribeController.php, subscribe()): only fields of the
 * form are passed, custom ones as cf_1; a form is an object; its blocks can be in columns.
 */

define( 'MAILPOET_VERSION', '5.35.0' );

function standin_mailpoet_table() {
	global $wpdb;
	$wpdb->query( "CREATE TABLE IF NOT EXISTS {$wpdb->prefix}mailpoet_forms (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(90) NOT NULL, body longtext, deleted_at timestamp NULL) ENGINE=InnoDB" );
}

class Standin_MailPoet_Form {
	private $row;

	public function __construct( $row ) {
		$this->row = $row;
	}

	public function getId() {
		return (int) $this->row->id;
	}

	public function getName() {
		return $this->row->name;
	}

	public function getBody() {
		return unserialize( $this->row->body );
	}
}

function standin_mailpoet_make( $name, array $body ) {
	global $wpdb;
	$wpdb->insert( $wpdb->prefix . 'mailpoet_forms', array( 'name' => $name, 'body' => serialize( $body ) ) );
	return $wpdb->insert_id;
}

function standin_mailpoet_subscribe( $form_id, array $data ) {
	global $wpdb;
	$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->prefix}mailpoet_forms WHERE id = %d", $form_id ) );
	do_action( 'mailpoet_subscription_after_subscribe', new stdClass(), $data, array( 3 ), new Standin_MailPoet_Form( $row ) );
}
